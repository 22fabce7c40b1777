// A certificate authority for one test, made by openssl in a folder of the test's.

import { execFileSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const PROGRAM = "openssl";

export interface Signed {
  cert: string;
  key: string;
}

export interface Authority {
  /** Its certificate. */
  ca: string;
  /** For a server of those names ("IP:127.0.0.1", "DNS:broker"), or for a client when there are none. */
  issue(commonName: string, names?: readonly string[], validity?: Validity): Signed;
}

/** As openssl writes it: 20200101000000Z. */
export interface Validity {
  from: string;
  until: string;
}

/** Paths of PEM files. */
export function makeAuthority(folder: string, name = "ca"): Authority {
  const path = (file: string): string => join(folder, file);
  const [ca, caKey] = [path(`${name}.crt`), path(`${name}.key`)];
  const own = ["-keyout", caKey, "-out", ca, "-subj", `/CN=${name}`];
  openssl(["req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2", ...own]);
  let serial = 0;
  return {
    ca,
    issue: (commonName, names = [], validity) => {
      serial += 1;
      const stem = `${name}-${serial}`;
      const [cert, key, request] = [path(`${stem}.crt`), path(`${stem}.key`), path(`${stem}.csr`)];
      const subject = ["-subj", `/CN=${commonName}`];
      openssl(["req", "-newkey", "ed25519", "-nodes", "-keyout", key, "-out", request, ...subject]);
      chmodSync(key, 0o600);
      const extensions = path(`${stem}.ext`);
      writeFileSync(extensions, names.length > 0 ? `subjectAltName=${names.join(",")}\n` : "");
      const signed = ["-CA", ca, "-CAkey", caKey, "-set_serial", String(serial), "-out", cert];
      if (validity === undefined) {
        const days = ["-days", "1"];
        openssl(["x509", "-req", "-in", request, ...signed, ...days, "-extfile", extensions]);
      } else issueBetween({ folder, ca, caKey, request, cert, extensions, validity });
      return { cert, key };
    },
  };
}

interface Between {
  folder: string;
  ca: string;
  caKey: string;
  request: string;
  cert: string;
  extensions: string;
  validity: Validity;
}

/** `openssl x509` of Debian 12 takes no dates; `openssl ca` does, and wants a database. */
function issueBetween({ folder, ca, caKey, request, cert, extensions, validity }: Between): void {
  const settings = join(folder, "dated.cnf");
  const database = join(folder, "dated.txt");
  writeFileSync(database, "");
  writeFileSync(
    settings,
    [
      "[ca]",
      "default_ca=it",
      "[it]",
      `database=${database}`,
      `new_certs_dir=${folder}`,
      "default_md=default",
      "policy=any",
      "rand_serial=yes",
      "[any]",
      "commonName=supplied",
      "",
    ].join("\n"),
  );
  const dates = ["-startdate", validity.from, "-enddate", validity.until];
  const files = ["-in", request, "-out", cert, "-cert", ca, "-keyfile", caKey];
  openssl(["ca", "-batch", "-config", settings, ...files, ...dates, "-extfile", extensions]);
}

function openssl(args: readonly string[]): void {
  execFileSync(PROGRAM, args, { stdio: ["ignore", "ignore", "pipe"] });
}
