// In the place of a flow service that cannot take part: the engine lists it with the reason.

import type { FlowService } from "./engine/service.ts";
import type { ServiceError } from "./rules/rejection.ts";

export function missingService(id: string, refused: ServiceError, message: string): FlowService {
  return {
    id,
    stages: ["POST_FLOW"],
    info: () => Promise.resolve({ refused, message: message.slice(0, 160) }),
    refused: () => false,
    onInfoChanged: () => undefined,
    call: (_, listener) => {
      listener.failed("stageNotSupported", message);
      return { tell: () => undefined };
    },
  };
}
