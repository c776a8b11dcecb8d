/** What the numbers were taken on. */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, platform, release, totalmem } from 'node:os';

export interface Machine {
	readonly cpu: string;
	readonly cores: number;
	/** Instruction sets that matter here, of those the CPU has. */
	readonly flags: readonly string[];
	readonly memoryGiB: number;
	readonly os: string;
	readonly node: string;
	readonly v8: string;
	/** Mean number of running programs over the last minute, before the run. */
	readonly load: number;
}

const FLAGS = [
	'sse4_1',
	'avx2',
	'fma',
	'avx512f',
	'avx512bw',
	'avx512vl',
	'avx512_vnni',
	'avx512_vbmi',
	'asimd',
	'sve',
];

export function describeMachine(): Machine {
	return {
		cpu: cpus()[0]?.model.trim() ?? 'unknown',
		cores: availableParallelism(),
		flags: cpuFlags(),
		memoryGiB: Math.round(totalmem() / 2 ** 30),
		os: `${platform()} ${release()}`,
		node: process.versions.node,
		v8: process.versions.v8,
		load: loadavg()[0]!,
	};
}

function cpuFlags(): string[] {
	try {
		const line = /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
		const has = new Set(line.trim().split(/\s+/));
		return FLAGS.filter((flag) => has.has(flag));
	} catch {
		return [];
	}
}

export function machineLines({ cpu, cores, flags, memoryGiB, os, node, v8, load }: Machine): string[] {
	const lines = [`${cpu}, ${cores} cores (${flags.join(' ')}), ${memoryGiB} GiB, ${os}`, `Node ${node}, V8 ${v8}`];
	if (load > 0.3)
		lines.push(
			`**The machine was busy** (load ${load.toFixed(2)} before the run): take the times again when it is quiet.`,
		);
	return lines;
}
