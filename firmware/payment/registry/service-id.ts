// What a flow service may be called: nobody can be taken for another because their names look alike.

/** Those who start flows and are no services. The operator sees every flow. */
const NOT_SERVICES: ReadonlySet<string> = new Set(["operator", "sale", "engine"]);

export const SERVICE_ID_RULE =
  "must be letters, digits, dots, hyphens and underscores, and not operator, sale or engine";

/** Its length is bounded by the shape that holds it. */
export function isServiceId(id: string): boolean {
  return /^[a-z\d][\w.-]*$/i.test(id) && !NOT_SERVICES.has(id.toLowerCase());
}
