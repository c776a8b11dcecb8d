declare module 'better-sqlite3' {
	const Database: import('@vecino/db').BetterSqlite3;
	// biome-ignore lint/style/noDefaultExport: as the package has it
	export default Database;
}
