declare const verifiedBrand: unique symbol;

/** A value whose signature, time and signer were verified. Only this folder makes one. */
export type Verified<T> = T & { readonly [verifiedBrand]: true };

/** Not exported by the folder's door: a plain value can not be passed off as verified. */
export function markVerified<T extends object>(value: T): Verified<T> {
  return Object.freeze(value) as Verified<T>;
}
