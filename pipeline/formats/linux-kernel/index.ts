export { type LinuxKernel, readKernel } from './linux-kernel.ts';
