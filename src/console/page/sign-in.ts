/** Signing in: by the password, or by the token that the host's machine holds. */
import type { SignedIn } from "../../wire/management.ts";
import { ApiError, call, sentenceOf, token } from "./api.ts";
import { field, userNameForManagers } from "./controls.ts";
import { make, setText } from "./dom.ts";

export interface SignInOptions {
  readonly passwordSet: boolean;
  /** Why it has to be done, "" when that is plain. */
  readonly notice: string;
  readonly done: (signedIn: SignedIn) => void;
}

export function signInPage({ passwordSet, notice, done }: SignInOptions): HTMLElement {
  const said = make("p", { class: "said", role: "alert" }, notice);
  const attempt = async (control: HTMLInputElement, task: () => Promise<SignedIn>) => {
    setText(said, "");
    try {
      const signedIn = await task();
      if (signedIn.role === null) throw new ApiError("unauthenticated", "That did not sign in.");
      done(signedIn);
    } catch (error) {
      setText(said, sentenceOf(error));
      control.setAttribute("aria-invalid", "true");
      control.select();
      control.focus();
    }
  };

  const password = make("input", {
    type: "password",
    required: true,
    autocomplete: "current-password",
  });
  const byPassword = make(
    "form",
    {
      onsubmit: (event) => {
        event.preventDefault();
        void attempt(password, () => call("login", { body: { password: password.value } }));
      },
    },
    userNameForManagers(),
    field("Password", password),
    make("button", { type: "submit", class: "primary" }, "Sign in"),
  );

  const secret = make("input", { type: "password", required: true, autocomplete: "off" });
  const byToken = make(
    "form",
    {
      onsubmit: (event) => {
        event.preventDefault();
        void attempt(secret, () => tryToken(secret.value.trim()));
      },
    },
    field("Token", secret, "On the host's machine, punktfunk host token prints it."),
    make("button", { type: "submit", class: passwordSet ? "plain" : "primary" }, "Use the token"),
  );

  return make(
    "main",
    { id: "main", class: "sign-in", tabindex: -1 },
    make("h1", {}, "punktfunk"),
    said,
    passwordSet
      ? byPassword
      : make(
          "p",
          { class: "hint" },
          "No password is set yet. Sign in with the token; then Settings lets you set one.",
        ),
    passwordSet
      ? make("details", {}, make("summary", {}, "Use the token instead"), byToken)
      : byToken,
  );
}

async function tryToken(value: string): Promise<SignedIn> {
  const wrong = "That token is not right. Copy all of it, without blanks.";
  // Anything else can't even be sent as a header.
  if (!/^[\x21-\x7e]+$/.test(value)) throw new ApiError("unauthenticated", wrong);
  token.set(value);
  try {
    const signedIn = await call("signedIn");
    if (signedIn.role === null) throw new ApiError("unauthenticated", wrong);
    return signedIn;
  } catch (error) {
    token.set(null);
    if (error instanceof ApiError && error.code === "unauthenticated") {
      throw new ApiError("unauthenticated", wrong);
    }
    throw error;
  }
}
