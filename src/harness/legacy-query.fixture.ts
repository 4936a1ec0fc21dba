/** Asks for hosts by one packet from a port of its own, as resolvers do, and prints the answer. */
import { createSocket } from "node:dgram";
import multicastDns from "multicast-dns";

const [address = ""] = process.argv.slice(2);
const socket = createSocket("udp4");
const mdns = multicastDns({ socket, bind: false, multicast: false });
socket.bind(0, () => {
  socket.setMulticastInterface(address);
  const questions = [{ name: "_punktfunk._udp.local", type: "PTR" as const }];
  // A host that has just come may not answer on this interface yet.
  setInterval(() => mdns.query({ id: 4711, questions }), 200);
});
mdns.on("response", ({ id, questions = [], answers = [], additionals = [] }, { address, port }) => {
  const shown = (records: typeof answers) =>
    records.map((record) =>
      "flush" in record ? `${record.type} ${record.name} ${record.ttl} ${record.flush}` : "",
    );
  const answer = {
    type: "answer",
    id,
    from: `${address}:${port}`,
    questions: questions.map(({ type, name }) => `${type} ${name}`),
    answers: shown(answers),
    additionals: shown(additionals),
  };
  process.stdout.write(`${JSON.stringify(answer)}\n`, () => process.exit());
});
