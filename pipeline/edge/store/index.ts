export { type DirectoryCache, openDirectoryCache } from './directory/bundle-cache.ts';
export { openDirectoryStore } from './directory/directory-store.ts';
export { openWebDirectoryStore } from './directory/web-directory.ts';
export { parseAddress } from './http/address.ts';
export type { HttpSettings } from './http/request.ts';
export { type Credentials, findCredentials } from './oci/credentials.ts';
export { parseRepository } from './oci/reference.ts';
export { openRegistryStore } from './oci/registry-store.ts';
