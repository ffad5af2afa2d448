export {
  type BundleDraft,
  type BundleFrame,
  type BundleOrder,
  type BundlePart,
  redacted,
  sealBundle,
  type TradeBundle,
} from "./bundle.ts";
export { type BundleReport, verifyBundle } from "./verify.ts";
