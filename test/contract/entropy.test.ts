// The Entropy contract on the kernel's random source and on the bench's seeded one.

import { openSystemEntropy } from "../../hal/linux/system-entropy.ts";
import { seededEntropy, seededRandom } from "../../hal/sim/random.ts";
import { describeEntropy } from "./entropy.ts";

describeEntropy("the kernel", openSystemEntropy);
describeEntropy("a seed", () => seededEntropy(seededRandom(7, "entropy")));
