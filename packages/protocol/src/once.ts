/** Makes a value at its first use and keeps it: what is not used costs nothing at the start. */
export function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => (made ??= { value: make() }).value;
}
