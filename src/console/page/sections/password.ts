/** The password for signing in here: set, changed or removed by who holds the token. */
import type {
  passwordCharsMax as charsMax,
  passwordCharsMin as charsMin,
  SignedIn,
} from "../../../wire/management.ts";
import { call } from "../api.ts";
import { ask, button, doing, field, notify, userNameForManagers } from "../controls.ts";
import { make, setText, show } from "../dom.ts";

const passwordCharsMin: typeof charsMin = 8;
const passwordCharsMax: typeof charsMax = 256;

/** The panel, with its heading. */
export function passwordPanel({ passwordSet }: SignedIn): HTMLElement {
  const state = make("p");
  const password = make("input", {
    type: "password",
    required: true,
    minlength: passwordCharsMin,
    maxlength: passwordCharsMax,
    autocomplete: "new-password",
  });
  const save = make("button", { type: "submit", class: "primary" }, "Set password");
  const remove = button("Remove password", { kind: "danger" }, async () => {
    const isAccepted = await ask({
      title: "Remove the password?",
      body: ["Whoever signed in by it is signed out, and only the token signs in."],
      accept: "Remove",
      isDangerous: true,
    });
    if (!isAccepted) return;
    await doing(remove, async () => {
      await call("removePassword");
      tell(false);
      notify("The password is removed.", "done");
    });
  });
  const tell = (isSet: boolean) => {
    setText(
      state,
      isSet
        ? "A password is set. A new one signs out whoever signed in by it."
        : "No password is set, so only the token signs in here.",
    );
    show(remove, isSet);
  };
  tell(passwordSet);
  const submit = async (event: Event) => {
    event.preventDefault();
    await doing(save, async () => {
      await call("setPassword", { body: { password: password.value } });
      password.value = "";
      tell(true);
      notify("The password is set.", "done");
    });
  };
  return make(
    "form",
    { class: "panel", onsubmit: (event) => void submit(event) },
    make("h3", {}, "Password"),
    state,
    userNameForManagers(),
    field("New password", password, `At least ${passwordCharsMin} characters.`),
    make("div", { class: "actions" }, save, remove),
  );
}
