import * as z from 'zod/mini';
import { digestSetSchema } from './digest-set.ts';

const longText = z.string().check(z.maxLength(4096));

/** Fields of an in-toto ResourceDescriptor (resource_descriptor.md). Consumers ignore fields they do not know. */
export const resourceFields = {
  name: z.optional(longText),
  uri: z.optional(longText),
  digest: z.optional(digestSetSchema),
  /** Base64 of the resource's bytes. */
  content: z.optional(z.string().check(z.maxLength(1024 * 1024))),
  downloadLocation: z.optional(longText),
  mediaType: z.optional(longText),
  annotations: z.optional(z.record(z.string(), z.json())),
};

/** "At least one of uri, digest or content" (resource_descriptor.md). */
export const resourceDescriptorSchema = z
  .looseObject(resourceFields)
  .check(
    z.refine(
      (resource) => resource.uri !== undefined || resource.digest !== undefined || resource.content !== undefined,
      'want uri, digest or content',
    ),
  );

export type ResourceDescriptor = z.output<typeof resourceDescriptorSchema>;
