/** The management API's contract: what the host serves, and the console and the commands ask for. */
export * from "./management/device-login.ts";
export * from "./management/routes.ts";
export * from "./management/schemas.ts";
