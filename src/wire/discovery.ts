/** How hosts are found on a network: DNS-SD (RFC 6763) over multicast DNS (RFC 6762). */
export * from "./discovery/message.ts";
export * from "./discovery/names.ts";
export * from "./discovery/records.ts";
export * from "./discovery/text.ts";
