/** The body of somebody's answer, no longer than it may be: what is longer is never held. */

/** @throws Error when it is over `maxBytes`; what reading throws. */
export async function boundedBody(response: Response, maxBytes: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of response.body ?? []) {
    length += piece.length;
    // To leave the loop ends the connection.
    if (length > maxBytes) throw new Error(`an answer of over ${maxBytes} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
