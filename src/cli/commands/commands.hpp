// commands.hpp - every command as one function: options in, exit code out. Errors are returned, not printed;
// run() prints them. A command that prints its own verdict returns the exit code for it.
#pragma once

#include "cli/options.hpp"
#include "cli/session.hpp"
#include "stele/result.hpp"

namespace stele::cli {

result<int> execute(const AppendOptions& options, Session& session);
result<int> execute(const ReadOptions& options, Session& session);
result<int> execute(const TailOptions& options, Session& session);
result<int> execute(const StreamListOptions& options, Session& session);
result<int> execute(const StreamInfoOptions& options, Session& session);
result<int> execute(const StreamSetOptions& options, Session& session);
result<int> execute(const StreamRemoveOptions& options, Session& session);
result<int> execute(const StreamTombstoneOptions& options, Session& session);
result<int> execute(const CompactCommandOptions& options, Session& session);
result<int> execute(const ArchiveCommandOptions& options, Session& session);
result<int> execute(const InspectOptions& options, Session& session);
result<int> execute(const VerifyOptions& options, Session& session);
result<int> execute(const RepairOptions& options, Session& session);
result<int> execute(const BackupCommandOptions& options, Session& session);
result<int> execute(const RestoreCommandOptions& options, Session& session);
result<int> execute(const ImportOptions& options, Session& session);
result<int> execute(const ExportOptions& options, Session& session);
result<int> execute(const ServeOptions& options, Session& session);
result<int> execute(const DemoOptions& options, Session& session);
result<int> execute(const BenchAppendOptions& options, Session& session);
result<int> execute(const BenchReadOptions& options, Session& session);
result<int> execute(const BenchLoadOptions& options, Session& session);
result<int> execute(const BenchConditionOptions& options, Session& session);
result<int> execute(const BenchSubscribeOptions& options, Session& session);
result<int> execute(const BenchRebuildOptions& options, Session& session);
result<int> execute(const BenchFillOptions& options, Session& session);
result<int> execute(const BenchOpenOptions& options, Session& session);
result<int> execute(const SchemaCheckOptions& options, Session& session);
result<int> execute(const SchemaDigestsOptions& options, Session& session);
result<int> execute(const SchemaPrintOptions& options, Session& session);
result<int> execute(const SagaListOptions& options, Session& session);
result<int> execute(const SagaShowOptions& options, Session& session);
result<int> execute(const SagaActOptions& options, Session& session);
result<int> execute(const ProjectionListOptions& options, Session& session);
result<int> execute(const ProjectionInfoOptions& options, Session& session);
result<int> execute(const ProjectionErrorsOptions& options, Session& session);
result<int> execute(const ProjectionWaitOptions& options, Session& session);
result<int> execute(const ProjectionActOptions& options, Session& session);
result<int> execute(const ProjectionRebuildOptions& options, Session& session);
result<int> execute(const ProjectionRemoveOptions& options, Session& session);
result<int> execute(const TokenNewOptions& options, Session& session);
result<int> execute(const TokenListOptions& options, Session& session);
result<int> execute(const TokenRemoveOptions& options, Session& session);
result<int> execute(const SqlOptions& options, Session& session);
result<int> execute(const ProjectionCreateOptions& options, Session& session);
result<int> execute(const ProjectionAskOptions& options, Session& session);
result<int> execute(const NewOptions& options, Session& session);
result<int> execute(const AggregateListOptions& options, Session& session);
result<int> execute(const AggregateShowOptions& options, Session& session);
result<int> execute(const AggregateLogOptions& options, Session& session);
result<int> execute(const AggregateDiffOptions& options, Session& session);
result<int> execute(const AggregateBlameOptions& options, Session& session);
result<int> execute(const DebugOptions& options, Session& session);
result<int> execute(const BisectOptions& options, Session& session);
result<int> execute(const CausesOptions& options, Session& session);
result<int> execute(const FindOptions& options, Session& session);
result<int> execute(const WhatIfOptions& options, Session& session);
result<int> execute(const ReplayOptions& options, Session& session);
result<int> execute(const RetellOptions& options, Session& session);
result<int> execute(const VersionOptions& options, Session& session);
result<int> execute(const TopicOptions& options, Session& session);

}  // namespace stele::cli
