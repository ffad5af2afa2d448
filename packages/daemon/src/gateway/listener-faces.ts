/** Which path is whose; a face is loaded when it is first asked for. */

import { ProtocolError } from "@gridmesh/protocol";
import { Refusal } from "./guard.ts";
import { sendRefusal } from "./listener-http.ts";
import type { GatewayContext, GatewayFace, GatewayRequest, GatewayUpgrade } from "./listener-types.ts";

export interface Gateway extends Disposable {
  /** Whether the path is one of the gateway's. */
  takes(path: string): boolean;
  /** Answers in any case. */
  take(asked: GatewayRequest): Promise<void>;
  /** Becomes the other protocol. @throws Refusal before it has. */
  upgrade(asked: GatewayUpgrade): Promise<void>;
}

interface Place {
  readonly takes: (path: string) => boolean;
  readonly load: (context: GatewayContext) => Promise<GatewayFace>;
}

const under = (prefix: string) => (path: string) => path === prefix || path.startsWith(`${prefix}/`);

const places: readonly Place[] = [
  { takes: (path) => under("/mcp")(path) || under("/rpc")(path), load: loadMcp },
  { takes: isA2a, load: async (context) => (await import("./a2a.ts")).openA2aFace(context) },
  { takes: under("/agents"), load: async (context) => (await import("./catalog.ts")).openCatalog(context) },
];

function isA2a(path: string): boolean {
  return under("/a2a")(path) || path === "/.well-known/agent-card.json";
}

export function openGateway(context: GatewayContext): Gateway {
  const faces = new Map<Place, Promise<GatewayFace>>();
  const opened = new DisposableStack();
  const placeOf = (path: string) => places.find(({ takes }) => takes(path));
  const faceOf = (place: Place) => {
    const known = faces.get(place) ?? place.load(context).then((face) => opened.use(face));
    faces.set(place, known);
    return known;
  };
  return {
    takes: (path) => placeOf(path) !== undefined,
    async take(asked) {
      try {
        const place = placeOf(asked.path);
        if (place === undefined)
          throw new Refusal(404, new ProtocolError("METHOD_NOT_FOUND", "nothing is at this path"));
        await (await faceOf(place)).take(asked);
      } catch (error) {
        if (asked.response.headersSent) asked.response.destroy();
        else await sendRefusal(asked, refusalFor(error));
      }
    },
    async upgrade(asked) {
      const place = placeOf(asked.path);
      const face = place === undefined ? undefined : await faceOf(place);
      if (face?.upgrade === undefined || asked.request.headers.upgrade?.toLowerCase() !== "gridmesh-rpc") {
        throw new Refusal(
          404,
          new ProtocolError("METHOD_NOT_FOUND", "nothing to upgrade to is at this path"),
        );
      }
      await face.upgrade(asked);
    },
    [Symbol.dispose]: () => opened.dispose(),
  };
}

async function loadMcp(context: GatewayContext): Promise<GatewayFace> {
  const { openMcpFace } = await import("./mcp.ts");
  return openMcpFace(context);
}

function refusalFor(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  return new Refusal(
    500,
    new ProtocolError("INTERNAL_ERROR", "the gateway could not do it", { cause: error }),
  );
}
