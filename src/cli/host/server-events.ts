/** Server-sent events, as the HTML standard's section 9.2.6 reads them. */

export interface ServerEvent {
  readonly name: string;
  readonly data: string;
}

/** A line of the host's is far shorter; what is longer comes from something else. */
const eventCharsMax = 4_000_000;

/** The events of a stream, as they come; ends with the stream. */
export async function* readServerEvents(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<ServerEvent, void> {
  const decoder = new TextDecoder();
  let rest = "";
  let name = "";
  let data: string[] = [];
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    if (rest.length > eventCharsMax) throw new Error("an event that has no end");
    for (const line of lines) {
      if (line === "") {
        if (data.length > 0) yield { name: name === "" ? "message" : name, data: data.join("\n") };
        name = "";
        data = [];
        continue;
      }
      const [, field, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
      if (field === "event") name = value;
      if (field === "data") data.push(value);
    }
  }
}
