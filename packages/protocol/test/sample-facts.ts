/** Keys, names and numbers of the vectors. */

import { signerOf } from "./keys.ts";

/** The node A of the pins, and agents beside it. */
export const node = signerOf(0);
export const requester = signerOf(1);
export const executor = signerOf(2);
export const successor = signerOf(5);

export interface Sample {
  /** 1.1 unless told otherwise. */
  readonly version?: "1.0" | "1.1";
  readonly from: "node" | "requester" | "executor";
  /** To everybody; default to the node P of the pins. */
  readonly published?: true;
  readonly body: Readonly<Record<string, unknown>>;
  /** The body as it is read, where that differs from what was said. */
  readonly reads?: Readonly<Record<string, unknown>>;
}

export const NOW_S = 1_640_995_200;
export const DEADLINE_S = 1_640_995_800;
export const TASK = "f81d4fae-7dec-41d0-a765-00a0c91e6bf6";
export const GROUP = "0190163d-8694-739b-aea5-966c26f8ad91";
export const MESSAGE = "01890a5d-ac96-774b-bcce-b302099a8057";
/** A mebibyte of zero bytes. */
export const INPUT_CID = "bafkreibq4fevl27rgurgnxbp7adh42aqiyd6ouflxhj3gzmcxcxzbh6lla";
export const INPUT_SUM = "sha256:30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58";
/** No bytes. */
export const RESULT_CID = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";
export const RESULT_SUM = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
export const P = "12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB";

export const price = { amount_micro: 125_000, currency: "USD" };
