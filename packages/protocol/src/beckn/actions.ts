/** The actions of the walking path, who says them, and how long an answer to each is waited for. */

export type BecknRequestAction = "search" | "select" | "init" | "confirm" | "status";
export type BecknCallbackAction = `on_${BecknRequestAction}`;
export type BecknAction = BecknRequestAction | BecknCallbackAction;

export interface ActionRule {
  readonly action: BecknAction;
  /** Requests go BAP → BPP and are signed by the BAP, callbacks the other way. */
  readonly callback: boolean;
  /** Time to live sent with it, ms. */
  readonly ttlMs: number;
}

const requestTtlMs: Readonly<Record<BecknRequestAction, number>> = {
  search: 15_000,
  select: 10_000,
  init: 10_000,
  confirm: 60_000,
  status: 10_000,
};

/** Every action spoken, by name. */
export const becknActions: ReadonlyMap<string, ActionRule> = new Map(
  (Object.keys(requestTtlMs) as BecknRequestAction[]).flatMap((action): [string, ActionRule][] => {
    const ttlMs = requestTtlMs[action];
    return [
      [action, { action, callback: false, ttlMs }],
      [`on_${action}`, { action: `on_${action}`, callback: true, ttlMs }],
    ];
  }),
);

export function isCallback(action: BecknAction): action is BecknCallbackAction {
  return action.startsWith("on_");
}

/** The rule behind a frame's path (`/select`), if we speak it. */
export function actionOfPath(path: string): ActionRule | undefined {
  return path.startsWith("/") ? becknActions.get(path.slice(1)) : undefined;
}

/** A search that would live longer is refused, ms. */
export const MAX_SEARCH_TTL_MS = 600_000;
