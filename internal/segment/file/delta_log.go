package file

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

// deltaLogFolder is the folder of the log in that of the table.
const deltaLogFolder = "_delta_log"

// deltaLog are the files of the log that the newest version of a table is made of.
type deltaLog struct {
	version    int64
	checkpoint []storage.Object // all files of a table up to some version; none: there is no checkpoint
	commits    []storage.Object // of the versions after the checkpoint, in their order
	newest     storage.Object   // the commit of the version, or the checkpoint where the commit was cleaned up
}

// maxDeltaCommits bounds how many commits are read after a checkpoint. Writers make one
// every ten or hundred commits.
const maxDeltaCommits = 10_000

// deltaLogFile matches the names of commits and of checkpoints: classic ones, in one
// part or several, and those of version 2. Its groups are the version, the part and
// the number of parts.
var deltaLogFile = regexp.MustCompile(`^(\d{20})\.(?:json|checkpoint(?:\.(\d{10})\.(\d{10}))?\.parquet|checkpoint\.[0-9A-Za-z-]{36}\.(?:json|parquet))$`)

// findDeltaLog lists the log of a table. The listing is all that is needed: the file
// _last_checkpoint only spares those who list a part of the log. A commit may be
// written while the pages of a listing are read, so one with a gap is read again.
func findDeltaLog(ctx context.Context, folder storage.Folder) (*deltaLog, error) {
	log, err := listDeltaLog(ctx, folder)
	if errors.Is(err, errDeltaGap) {
		log, err = listDeltaLog(ctx, folder)
	}
	return log, err
}

func listDeltaLog(ctx context.Context, folder storage.Folder) (*deltaLog, error) {
	objects, err := folder.List(ctx, deltaLogFolder, deltaLogFile.MatchString)
	if err != nil {
		return nil, err
	}
	list := deltaListing{name: folder.Name(), commits: map[int64]storage.Object{}, parts: map[deltaParts][]storage.Object{}}
	for _, o := range objects {
		if err := list.add(o); err != nil {
			return nil, err
		}
	}
	return list.log()
}

// deltaListing is a log by the versions in the names of its files.
type deltaListing struct {
	name    string // of the table
	commits map[int64]storage.Object
	first   int64 // of the commits
	last    int64

	parts map[deltaParts][]storage.Object // of checkpoints, as far as there are any
}

// deltaParts names a checkpoint: there may be several of one version.
type deltaParts struct {
	version int64
	number  int64  // of the parts
	name    string // of one of version 2
}

func (l *deltaListing) add(o storage.Object) error {
	name := path.Base(filepath.ToSlash(o.Path()))
	groups := deltaLogFile.FindStringSubmatch(name)
	if groups == nil {
		return nil
	}
	version, err := strconv.ParseInt(groups[1], 10, 64)
	if err != nil {
		return deltaErrorf(l.name, "Restore the folder _delta_log.", errDamaged, "has the file %q in its log, whose version is too large", name)
	}
	if len(name) == len("00000000000000000000.json") {
		if len(l.commits) == 0 {
			l.first = version
		}
		l.commits[version], l.last = o, version // the listing is in order
		return nil
	}
	parts := deltaParts{version: version, number: 1}
	if groups[3] != "" {
		parts.number, _ = strconv.ParseInt(groups[3], 10, 64) // cannot fail with ten digits
	} else if path.Ext(name) == ".json" || len(name) != len("00000000000000000000.checkpoint.parquet") {
		parts.name = name
	}
	l.parts[parts] = append(l.parts[parts], o)
	return nil
}

var errDeltaGap = errors.New("commits are missing in the log")

// log chooses the newest complete checkpoint, and all commits after it.
func (l *deltaListing) log() (*deltaLog, error) {
	chosen := l.checkpoint()
	log := &deltaLog{version: max(l.last, chosen.version), checkpoint: l.parts[chosen]}
	after := int64(0)
	if log.checkpoint != nil {
		after = chosen.version + 1
	}
	switch {
	case len(l.commits) == 0 && log.checkpoint == nil:
		return nil, l.noTable()
	case log.version-after >= maxDeltaCommits:
		return nil, deltaErrorf(l.name, "Write a checkpoint: most engines do with the next commits, and spark.databricks.delta.checkpointInterval of the table says how often.", nil,
			"has more than %d commits since its last checkpoint", maxDeltaCommits)
	}
	if log.newest = l.commits[log.version]; log.newest == nil {
		log.newest = log.checkpoint[0]
	}
	for version := after; version <= log.version; version++ {
		commit, ok := l.commits[version]
		if !ok {
			return nil, l.gap(version, log)
		}
		log.commits = append(log.commits, commit)
	}
	return log, nil
}

// checkpoint returns the newest one whose parts are all there. One that is still being
// written is not used.
func (l *deltaListing) checkpoint() (newest deltaParts) {
	newest.version = -1
	for parts, files := range l.parts {
		if int64(len(files)) != parts.number || parts.version < newest.version {
			continue
		}
		if parts.version > newest.version || parts.number < newest.number || parts.number == newest.number && parts.name < newest.name {
			newest = parts // of several, the same one each time
		}
	}
	return newest
}

func (l *deltaListing) noTable() error {
	if len(l.parts) > 0 {
		return deltaErrorf(l.name, "Restore the folder _delta_log.", errDeltaGap, "has no commits in its log, only a part of a checkpoint")
	}
	return storage.PathErrorf("Name the folder that the folder _delta_log is in. If there is none, the folder holds plain Parquet files: name them with a pattern, and set format = \"parquet\".", fs.ErrNotExist,
		"There is no Delta table in %q: there is nothing in its folder %s.", l.name, deltaLogFolder)
}

func (l *deltaListing) gap(version int64, log *deltaLog) error {
	const remedy = "If files were copied or deleted by hand, restore the folder _delta_log as it was."
	if log.checkpoint == nil && version < l.first {
		return deltaErrorf(l.name, remedy, errDeltaGap, "has a log that begins with commit %d, and no complete checkpoint of what was before", l.first)
	}
	return deltaErrorf(l.name, remedy, errDeltaGap, "lacks commit %d in its log, whose last one is %d", version, log.version)
}
