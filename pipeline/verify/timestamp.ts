import type { RFC3161Timestamp } from '@sigstore/core';
import { Fault } from '../core/index.ts';

/**
 * Lets the library take every time that RFC 3161 §2.4.2 allows: `YYYYMMDDhhmmss[.s…]Z`, a fraction of any length. By itself
 * it knows fractions of exactly three digits, and throws on all others. Faults: bundle.timestamp.
 */
export function checkTimestamp(timestamp: RFC3161Timestamp): void {
  // PKIStatus (§2.4.2) granted or grantedWithMods: any other response carries no token that was meant to be used.
  if (timestamp.status !== 0n && timestamp.status !== 1n) throw refusal(`status ${timestamp.status}`);
  const signingTime = parseGeneralizedTime(timestamp.tstInfo.root.subs[4]?.value ?? Buffer.alloc(0));
  Object.defineProperty(timestamp, 'signingTime', { value: signingTime });
}

function parseGeneralizedTime(bytes: Buffer): Date {
  const text = bytes.toString('latin1');
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{1,9}))?Z$/.exec(text);
  if (match === null) throw refusal('its time is not in the form YYYYMMDDhhmmss[.s…]Z');
  const [, year, month, day, hour, minute, second, fraction = ''] = match;
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.padEnd(3, '0').slice(0, 3)}Z`;
  const time = new Date(iso);
  // A day that no month has would roll over into the next one.
  if (Number.isNaN(time.getTime()) || time.toISOString() !== iso) throw refusal('its time does not exist');
  return time;
}

function refusal(problem: string): Fault {
  return new Fault('bundle.timestamp', `Cannot trust the signed timestamp: ${problem}`);
}
