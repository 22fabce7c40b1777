// For `node --import`: the package that SLUICE_TEST_WITHOUT names is replaced by one whose working parts throw.
// Only what is called throws: that the package can be loaded must not be what a sale rests on.

import { register } from "node:module";

const { SLUICE_TEST_WITHOUT: taken } = process.env;
register("./without-package-hooks.mjs", import.meta.url, { data: { taken } });
