/**
 * After `npm install` and `npm ci`: makes sure that node_modules/.bin/node is the pinned Node, so that npm scripts run on it.
 *
 * npm links it by itself, but npm 10 unlinks it again: the packages of the other platforms, which it leaves out,
 * name the same program. Plain JavaScript, because it runs on whatever Node there is. See CONTRIBUTING.md.
 */
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { arch, platform } from 'node:process';
import { fileURLToPath } from 'node:url';

const bin = fileURLToPath(new URL('../node_modules/.bin/', import.meta.url));
const target = `../node-${platform}-${arch}/bin/node`;

// On Windows the links are scripts, and npm's own.
if (platform !== 'win32' && existsSync(`${bin}${target}`) && !existsSync(`${bin}node`)) {
	mkdirSync(bin, { recursive: true });
	rmSync(`${bin}node`, { force: true });
	symlinkSync(target, `${bin}node`);
}
