/** The parts of the CycloneDX library that serialise: its root would load validators and contributions, too. */
export * as Enums from '@cyclonedx/cyclonedx-library/Enums';
export * as Models from '@cyclonedx/cyclonedx-library/Models';
export * as Serialize from '@cyclonedx/cyclonedx-library/Serialize';
export * as Spec from '@cyclonedx/cyclonedx-library/Spec';
export * as Types from '@cyclonedx/cyclonedx-library/Types';
