declare module 'unbzip2-stream' {
  /** A stream of the old kind: works while it is written to, and knows no back pressure. */
  export default function createDecompressor(): NodeJS.ReadWriteStream;
}
