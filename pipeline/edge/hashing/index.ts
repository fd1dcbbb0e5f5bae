export { type HashingPool, openHashingPool } from './pool.ts';
