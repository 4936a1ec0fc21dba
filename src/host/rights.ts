/** What a client's message asks for: the host takes it only from who may do that. */
import type { MessageType } from "../wire/control.ts";
import type { Action } from "../wire/pairing/level.ts";

const actions: Partial<Record<MessageType, Action>> = {
  key: "input",
  button: "input",
  motion: "input",
  position: "input",
  scroll: "input",
  touch: "input",
  text: "input",
  pendingAnswer: "manage",
};

/** All else is about the picture and the connection itself. */
export const actionOf = (type: MessageType): Action => actions[type] ?? "picture";
