#!/usr/bin/env node
// Old-syntax-safe on purpose: this file is parsed by whatever Node there is, and says so when it is too old.
var parts = process.versions.node.split('.');
var major = Number(parts[0]);
var minor = Number(parts[1]);

if (major > 22 || (major === 22 && minor >= 13)) {
	import('../dist/main.js').catch(function (error) {
		console.error(error);
		process.exit(1);
	});
} else {
	console.error(
		'vecino needs Node 22.13 or later; this is Node ' +
			process.versions.node +
			' (get a newer one at https://nodejs.org or from your version manager)',
	);
	process.exit(1);
}
