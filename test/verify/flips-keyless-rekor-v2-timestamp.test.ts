import { describeFlips } from './flips.ts';

describeFlips('keyless-rekor-v2-timestamp');
