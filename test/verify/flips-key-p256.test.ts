import { describeFlips } from './flips.ts';

describeFlips('key-p256');
