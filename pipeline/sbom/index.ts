export { type SbomArtifact } from './artifact.ts';
export { type BomDocument, buildBom, renderSbom, type SbomOptions } from './bom.ts';
export { fileSelections, type FileSelection } from './files.ts';
