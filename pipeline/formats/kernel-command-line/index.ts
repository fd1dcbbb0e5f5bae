export { type KernelArgument, lastValue, parseKernelCommandLine } from './kernel-command-line.ts';
