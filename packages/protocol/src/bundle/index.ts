export { askedIn, type AskedSignatures } from "./asked.ts";
export {
  type BundleDraft,
  type BundleFrame,
  type BundleOrder,
  type BundlePart,
  MAX_FRAMES as MAX_BUNDLE_FRAMES,
  redacted,
  sealBundle,
  type TradeBundle,
} from "./bundle.ts";
export type { SelectionReport } from "./selection.ts";
export { type BundleReport, soundFrame, verifyBundle } from "./verify.ts";
