// The whole portable firmware in one file: both roles.

import { openConsumerProgram as openConsumer } from "./consumer-program.ts";
import { openProducerProgram as openProducer } from "./producer-program.ts";

export const openConsumerProgram = openConsumer;
export const openProducerProgram = openProducer;
