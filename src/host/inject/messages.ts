/** A session's input messages, as they come. */
import type { Message } from "../../wire/control.ts";
import type { Injector } from "./inject.ts";

/** Hands an input message to the desktop; other messages are none. */
export function injectMessage(injector: Injector, message: Message): void {
  if (message.type === "key") injector.key(message.usage, message.down);
  else if (message.type === "button") injector.button(message.button, message.down);
  else if (message.type === "motion") injector.motion(message.dx, message.dy);
  else if (message.type === "position") injector.position(message.x, message.y);
  else if (message.type === "scroll") injector.scroll(message.h, message.v);
  else if (message.type === "touch") {
    injector.touch(message.finger, message.phase, message.x, message.y);
  } else if (message.type === "text") injector.text(message.text);
}
