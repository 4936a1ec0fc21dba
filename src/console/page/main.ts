/** The console's entry: asks who is signed in, and shows what follows from that. */
import { ApiError, call, onSignedOut, sentenceOf, token } from "./api.ts";
import { button } from "./controls.ts";
import { make } from "./dom.ts";
import { shell } from "./shell.ts";
import { signInPage } from "./sign-in.ts";

const app = document.getElementById("app") ?? document.body;
const noticeKey = "punktfunk-notice";

async function start(): Promise<void> {
  const notice = sessionStorage.getItem(noticeKey) ?? "";
  sessionStorage.removeItem(noticeKey);
  onSignedOut(() => {});
  try {
    const signedIn = await call("signedIn").catch((error: unknown) => {
      // A token that no longer counts must not keep the password from signing in.
      const isRefused = error instanceof ApiError && error.code !== "unreachable";
      if (token.get() === null || !isRefused) throw error;
      token.set(null);
      return call("signedIn");
    });
    if (signedIn.role !== null) {
      enter(signedIn);
      return;
    }
    app.replaceChildren(
      signInPage({
        passwordSet: signedIn.passwordSet,
        notice,
        done: (fresh) => enter(fresh, true),
      }),
    );
    app.querySelector<HTMLInputElement>("input:not([hidden])")?.focus();
  } catch (error) {
    app.replaceChildren(
      make(
        "main",
        { id: "main", class: "sign-in" },
        make("h1", {}, "punktfunk"),
        make("p", { role: "alert" }, sentenceOf(error)),
        button("Try again", { kind: "primary" }, () => void start()),
      ),
    );
  }
}

function enter(signedIn: Parameters<typeof shell>[0], isFresh = false): void {
  // Loading anew ends every timer and forgets every secret that the page had.
  onSignedOut(() => {
    token.set(null);
    sessionStorage.setItem(noticeKey, "You were signed out. Sign in again.");
    location.reload();
  });
  app.replaceChildren(shell(signedIn));
  if (isFresh) document.getElementById("main")?.focus();
}

document.querySelector(".skip")?.addEventListener("click", (event) => {
  // The address names the section, so the link may not change it.
  event.preventDefault();
  document.getElementById("main")?.focus();
});

await start();
