import type { ElfHeader } from './header.ts';

/** e_machine of little-endian files → systemd's word for the architecture (systemd, src/basic/architecture.c). */
const words: Readonly<Record<number, { readonly 32?: string; readonly 64?: string }>> = {
  3: { 32: 'x86' }, // EM_386
  8: { 32: 'mips-le', 64: 'mips64-le' }, // EM_MIPS
  20: { 32: 'ppc-le' }, // EM_PPC
  21: { 64: 'ppc64-le' }, // EM_PPC64
  40: { 32: 'arm' }, // EM_ARM
  50: { 64: 'ia64' }, // EM_IA_64
  62: { 64: 'x86-64' }, // EM_X86_64; its 32-bit class is the x32 ABI, for which systemd has no word
  183: { 64: 'arm64' }, // EM_AARCH64
  243: { 32: 'riscv32', 64: 'riscv64' }, // EM_RISCV
  258: { 64: 'loongarch64' }, // EM_LOONGARCH
};

/** The architecture that a file runs on, in systemd's word (`x86-64`, `arm64`); null where systemd has none. */
export function architectureOf(header: ElfHeader): string | null {
  return words[header.machine]?.[header.bits] ?? null;
}
