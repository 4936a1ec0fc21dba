/** The pipeline's own share of the latency, and what the figures of it are worth. */
import { clockRows } from "./latency-clock.ts";
import { pipelineRows } from "./latency-pipeline.ts";
import { rivalRows } from "./latency-rivals.ts";
import type { Section } from "./row.ts";

export const benchLatency: Section = async (progress) => [
  ...(await pipelineRows(progress)),
  ...(await rivalRows(progress)),
  ...(await clockRows(progress)),
];
