declare const brand: unique symbol

/**
 * A value of type `T` that only its checking constructor may mint (style: every id, index, height, path and timestamp).
 * The brand exists in types only; at run time the value is a plain `T`.
 */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name }
