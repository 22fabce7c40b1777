// What a link needs to speak TLS, from PEM files: the CA that vouches for the broker, and our own certificate
// and key where the broker wants them. Read anew for every connection, so that a renewed file is taken up.

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { HalError } from "../hal-error.ts";
import { readPrivateFile } from "./private-file.ts";

export interface TlsFiles {
  /** Certificates of the CAs to trust, instead of the well-known ones. */
  ca?: string;
  /** Ours, with `key`. */
  cert?: string;
  /** Mode 0600. */
  key?: string;
}

export interface TlsIdentity {
  ca?: Buffer;
  cert?: Buffer;
  key?: Buffer;
}

const BYTES_MAX = 256 * 1024;

/** Throws HalError `refused` or `corrupt`, naming the file and what to do about it. */
export function readTlsFiles({ ca, cert, key }: TlsFiles): TlsIdentity {
  if ((cert === undefined) !== (key === undefined)) {
    const missing = cert === undefined ? "its certificate (cert)" : "its key (key)";
    throw new HalError("refused", `${cert ?? key} is of no use without ${missing}`);
  }
  const trusted = ca === undefined ? {} : { ca: readCertificate(ca).pem };
  if (cert === undefined || key === undefined) return trusted;
  const own = readCertificate(cert);
  const { pem, secret } = readKey(key);
  if (!own.certificate.checkPrivateKey(secret)) {
    throw new HalError("refused", `${key} is not the key of the certificate ${cert}`);
  }
  return { ...trusted, cert: own.pem, key: pem };
}

function readCertificate(path: string): { pem: Buffer; certificate: X509Certificate } {
  const pem = readPlainFile(path);
  try {
    return { pem, certificate: new X509Certificate(pem) };
  } catch (error) {
    throw new HalError("corrupt", `${path} holds no certificate in PEM form`, error);
  }
}

function readKey(path: string): { pem: Buffer; secret: KeyObject } {
  const bytes = readPrivateFile(path, BYTES_MAX);
  if (bytes === undefined) throw new HalError("refused", `key file ${path} does not exist`);
  const pem = Buffer.from(bytes);
  try {
    return { pem, secret: createPrivateKey({ key: pem, format: "pem" }) };
  } catch (error) {
    // The cause may quote key material: it stays here.
    const code = (error as { code?: unknown }).code;
    const why = code === "ERR_MISSING_PASSPHRASE" ? "is under a passphrase" : "holds no key";
    throw new HalError("corrupt", `${path} ${why}: a private key in plain PEM form is needed`);
  }
}

function readPlainFile(path: string): Buffer {
  let fd: number;
  try {
    // Without O_NONBLOCK, opening a pipe would wait for a writer.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    const why = code === "ENOENT" ? "does not exist" : `cannot be read (${code})`;
    throw new HalError("refused", `certificate file ${path} ${why}`, error);
  }
  try {
    if (!fstatSync(fd).isFile()) throw new HalError("refused", `${path} is no plain file`);
    const bytes = Buffer.alloc(BYTES_MAX + 1);
    const length = readSync(fd, bytes, 0, bytes.length, 0);
    if (length <= BYTES_MAX) return bytes.subarray(0, length);
    throw new HalError("corrupt", `${path} is larger than ${BYTES_MAX} bytes`);
  } finally {
    closeSync(fd);
  }
}
