/**
 * The closing line of a test run: `123 passed, 0 failed`, counted from the results.
 *
 * With VECINO_TEST_COUNTS=<file> each run also appends `passed failed skipped` to that file; `.ci/run` sums them.
 */
import { appendFileSync } from 'node:fs';
import type { Reporter, SerializedError, TestModule } from 'vitest/node';

export default class CountReporter implements Reporter {
	onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
		const count = { passed: 0, failed: 0, skipped: 0, pending: 0 };
		for (const module of modules) {
			for (const test of module.children.allTests()) count[test.result().state] += 1;
			// A file or a suite that fails to load, or whose hook fails, is a failure although no test says so.
			count.failed += module.errors().length;
			for (const suite of module.children.allSuites()) count.failed += suite.errors().length;
		}
		const failed = count.failed + count.pending + unhandledErrors.length;
		const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : '';
		console.log(`${count.passed} passed, ${failed} failed${skipped}`);
		const file = process.env['VECINO_TEST_COUNTS'];
		if (file) appendFileSync(file, `${count.passed} ${failed} ${count.skipped}\n`);
	}
}
