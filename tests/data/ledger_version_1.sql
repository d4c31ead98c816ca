-- The tables as version 1 of Baton made them in SQLite: what a migration starts from.
CREATE TABLE actions (
	id TEXT NOT NULL,
	run TEXT NOT NULL,
	turn INTEGER NOT NULL,
	position INTEGER NOT NULL,
	agent TEXT NOT NULL,
	tool TEXT NOT NULL,
	version TEXT NOT NULL,
	arguments TEXT NOT NULL,
	problem TEXT,
	confidence DOUBLE,
	margin DOUBLE,
	reason TEXT NOT NULL,
	ruling TEXT NOT NULL,
	verdict TEXT NOT NULL,
	review TEXT,
	PRIMARY KEY (id)
);
CREATE TABLE bodies (
	id INTEGER NOT NULL,
	text TEXT NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE checkpoint_writes (
	thread TEXT NOT NULL,
	ns TEXT NOT NULL,
	checkpoint TEXT NOT NULL,
	task TEXT NOT NULL,
	idx INTEGER NOT NULL,
	path TEXT NOT NULL,
	channel TEXT NOT NULL,
	type TEXT NOT NULL,
	value BLOB NOT NULL,
	PRIMARY KEY (thread, ns, checkpoint, task, idx)
)
 WITHOUT ROWID

;
CREATE TABLE checkpoints (
	thread TEXT NOT NULL,
	ns TEXT NOT NULL,
	id TEXT NOT NULL,
	parent TEXT,
	type TEXT NOT NULL,
	state BLOB NOT NULL,
	metadata TEXT NOT NULL,
	PRIMARY KEY (thread, ns, id)
)
 WITHOUT ROWID

;
CREATE TABLE decisions (
	id TEXT NOT NULL,
	review TEXT NOT NULL,
	run TEXT NOT NULL,
	kind TEXT NOT NULL,
	"by" TEXT NOT NULL,
	channel TEXT NOT NULL,
	note INTEGER,
	arguments TEXT,
	verdict TEXT,
	digest TEXT,
	expires DOUBLE,
	at DOUBLE NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE effects (
	"key" TEXT NOT NULL,
	run TEXT NOT NULL,
	tool TEXT NOT NULL,
	arguments TEXT,
	state TEXT NOT NULL,
	epoch INTEGER NOT NULL,
	attempts INTEGER NOT NULL,
	result INTEGER,
	claimed_at DOUBLE NOT NULL,
	ended_at DOUBLE,
	PRIMARY KEY ("key")
);
CREATE TABLE events (
	id INTEGER NOT NULL,
	run TEXT NOT NULL,
	seq INTEGER NOT NULL,
	kind TEXT NOT NULL,
	data TEXT NOT NULL,
	at DOUBLE NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT events_run UNIQUE (run, seq)
);
CREATE TABLE facts (
	id TEXT NOT NULL,
	scope TEXT NOT NULL,
	subject TEXT NOT NULL,
	text TEXT NOT NULL,
	trust INTEGER NOT NULL,
	sources TEXT NOT NULL,
	run TEXT,
	recorded_at DOUBLE NOT NULL,
	retired_at DOUBLE,
	PRIMARY KEY (id)
);
CREATE TABLE messages (
	seq INTEGER NOT NULL,
	id TEXT NOT NULL,
	run TEXT NOT NULL,
	kind TEXT NOT NULL,
	sender TEXT NOT NULL,
	body INTEGER,
	ref TEXT,
	trust INTEGER NOT NULL,
	at DOUBLE NOT NULL,
	PRIMARY KEY (seq),
	UNIQUE (id)
);
CREATE TABLE migrations (
	version INTEGER NOT NULL,
	applied_at DOUBLE NOT NULL,
	PRIMARY KEY (version)
);
CREATE TABLE model_calls (
	run TEXT NOT NULL,
	turn INTEGER NOT NULL,
	model TEXT NOT NULL,
	finish TEXT NOT NULL,
	prompt_tokens INTEGER NOT NULL,
	completion_tokens INTEGER NOT NULL,
	seconds DOUBLE NOT NULL,
	attempts INTEGER NOT NULL,
	left_out INTEGER NOT NULL,
	at DOUBLE NOT NULL,
	PRIMARY KEY (run, turn)
)
 WITHOUT ROWID

;
CREATE TABLE reviews (
	id TEXT NOT NULL,
	run TEXT NOT NULL,
	action TEXT,
	kind TEXT NOT NULL,
	state TEXT NOT NULL,
	version INTEGER NOT NULL,
	agent TEXT NOT NULL,
	tool TEXT NOT NULL,
	class TEXT NOT NULL,
	question INTEGER NOT NULL,
	verdict TEXT NOT NULL,
	reviewers TEXT NOT NULL,
	requester TEXT,
	opened_at DOUBLE NOT NULL,
	deadline DOUBLE,
	on_deadline TEXT NOT NULL,
	claimed_by TEXT,
	claimed_until DOUBLE,
	decision TEXT,
	PRIMARY KEY (id)
);
CREATE TABLE runs (
	id TEXT NOT NULL,
	agent TEXT NOT NULL,
	"key" TEXT,
	conversation TEXT NOT NULL,
	parent TEXT,
	parent_action TEXT,
	goal INTEGER NOT NULL,
	trust INTEGER NOT NULL,
	requester TEXT,
	status TEXT NOT NULL,
	summary INTEGER,
	evidence TEXT,
	wake INTEGER NOT NULL,
	seen INTEGER NOT NULL,
	not_before DOUBLE NOT NULL,
	attempts INTEGER NOT NULL,
	trouble TEXT,
	lease_owner TEXT,
	lease_until DOUBLE,
	epoch INTEGER NOT NULL,
	events INTEGER NOT NULL,
	turns INTEGER NOT NULL,
	prompt_tokens INTEGER NOT NULL,
	completion_tokens INTEGER NOT NULL,
	created_at DOUBLE NOT NULL,
	ended_at DOUBLE,
	deadline DOUBLE,
	PRIMARY KEY (id),
	UNIQUE ("key")
);
CREATE TABLE timers (
	id TEXT NOT NULL,
	run TEXT NOT NULL,
	due DOUBLE NOT NULL,
	kind TEXT NOT NULL,
	ref TEXT,
	PRIMARY KEY (id)
);
CREATE TABLE transcript (
	run TEXT NOT NULL,
	seq INTEGER NOT NULL,
	role TEXT NOT NULL,
	turn INTEGER NOT NULL,
	body INTEGER,
	ref TEXT,
	trust INTEGER NOT NULL,
	PRIMARY KEY (run, seq)
)
 WITHOUT ROWID

;
CREATE INDEX actions_run ON actions (run, turn, position);
CREATE INDEX decisions_review ON decisions (review);
CREATE INDEX effects_run ON effects (run);
CREATE INDEX facts_scope ON facts (scope, subject);
CREATE INDEX messages_run ON messages (run, seq);
CREATE INDEX reviews_open ON reviews (opened_at) WHERE state = 'open';
CREATE INDEX reviews_run ON reviews (run);
CREATE INDEX runs_conversation ON runs (conversation);
CREATE INDEX runs_created ON runs (created_at);
CREATE INDEX runs_parent ON runs (parent) WHERE parent IS NOT NULL;
CREATE INDEX runs_ready ON runs (not_before) WHERE wake > seen;
CREATE INDEX timers_due ON timers (due);
CREATE INDEX timers_run ON timers (run);
