/** What a Beckn message of an energy trade means, whatever revision carried it. */

import type {
  BecknCatalog,
  BecknContext,
  BecknFault,
  BecknIntent,
  BecknOrder,
  BecknOrderName,
  BecknPublishResult,
  BecknRating,
  BecknSupport,
} from "./model.ts";
import type { BecknOpenCatalog, BecknOpenIntent, BecknOpenOrder } from "./open.ts";

export type BecknContent =
  | { readonly kind: "intent"; readonly intent: BecknIntent | undefined }
  | { readonly kind: "catalog"; readonly catalog: BecknCatalog }
  | { readonly kind: "order"; readonly order: BecknOrder }
  | ({ readonly kind: "orderId" } & BecknOrderName)
  /** `targets`: the parts that may differ; empty: the revision does not say. */
  | { readonly kind: "update"; readonly targets: readonly string[]; readonly order: BecknOrder }
  | ({
      readonly kind: "cancel";
      readonly reasonId?: string | undefined;
      readonly reason?: string | undefined;
    } & BecknOrderName)
  | { readonly kind: "ratings"; readonly ratings: readonly BecknRating[] }
  /** Revision 1 offers a form, revision 2 repeats what was recorded. */
  | {
      readonly kind: "rated";
      readonly ratings: readonly BecknRating[];
      readonly formUrl?: string | undefined;
    }
  | { readonly kind: "support"; readonly support: BecknSupport }
  | ({ readonly kind: "track"; readonly callbackUrl?: string | undefined } & BecknOrderName)
  | {
      readonly kind: "tracking";
      readonly orderId: string;
      readonly url: string;
      readonly active: boolean;
    }
  | { readonly kind: "publish"; readonly catalogs: readonly BecknCatalog[] }
  | { readonly kind: "published"; readonly results: readonly BecknPublishResult[] }
  /** What a partner left unsaid is open; nothing binds until it is said. */
  | { readonly kind: "openIntent"; readonly intent: BecknOpenIntent }
  | { readonly kind: "openCatalog"; readonly catalogs: readonly BecknOpenCatalog[] }
  | { readonly kind: "openOrder"; readonly order: BecknOpenOrder }
  /** `order`: what was refused; revision 2 repeats it. */
  | { readonly kind: "fault"; readonly fault: BecknFault; readonly order?: BecknOrder | undefined };

export interface BecknMessage {
  readonly context: BecknContext;
  readonly content: BecknContent;
}
