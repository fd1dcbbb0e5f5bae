export { encodePreAuthentication, type Envelope, envelopeSchema, inTotoPayloadType, parseEnvelope } from './dsse.ts';
