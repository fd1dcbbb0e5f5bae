import { runProcess } from '../cli/index.ts';

void runProcess(process.execPath);
