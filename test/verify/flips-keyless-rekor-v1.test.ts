import { describeFlips } from './flips.ts';

describeFlips('keyless-rekor-v1');
