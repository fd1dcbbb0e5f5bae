export {
  chooseInstance,
  type ChosenInstance,
  namedInstance,
  parseEventVisibility,
  sigstoreInstances,
} from './instance.ts';
export { type Signer, type SignerDescription } from './signer.ts';
export { isSafeServiceUrl, parseSigningConfig } from './signing-config.ts';
export { type LogService, noServices, publicGoodServices, selectServices, type SigningServices } from './services.ts';
