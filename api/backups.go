package api

import (
	"context"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"proximity/core"
)

func (s *Server) backupRoutes(api huma.API) {
	list := "/api/apps/{app_id}/backups"
	one := list + "/{backup_id}"
	route(s, api, endpoint{method: http.MethodGet, path: list, summary: "Backups of an app, the newest first", entry: person, errors: []int{404}}, s.backups)
	route(s, api, endpoint{method: http.MethodPost, path: list, summary: "Back an app up", status: http.StatusAccepted, entry: person, errors: []int{404, 409, 422, 503}}, s.backUp)
	route(s, api, endpoint{method: http.MethodGet, path: list + "/stats", summary: "Figures about an app's backups", entry: person, errors: []int{404}}, s.backupStats)
	route(s, api, endpoint{method: http.MethodGet, path: one, summary: "One backup", entry: person, errors: []int{404, 422}}, s.backup)
	route(s, api, endpoint{method: http.MethodPost, path: one + "/restore", summary: "Restore a backup over its app, or as a new app", status: http.StatusAccepted, entry: person, errors: []int{404, 409, 422, 503}, names: map[string]string{"hostname": "as"}}, s.restore)
	route(s, api, endpoint{method: http.MethodDelete, path: one, summary: "Delete a backup and its archive", status: http.StatusAccepted, entry: person, errors: []int{404, 409, 422}}, s.deleteBackup)
}

// backupBody is a backup as the earlier project's clients know one.
type backupBody struct {
	ID          uint64     `json:"id"`
	App         string     `json:"application_id"`
	File        string     `json:"file_name" doc:"empty until it is there"`
	Storage     string     `json:"storage_name"`
	Size        *int64     `json:"size" doc:"bytes"`
	SizeMB      float64    `json:"size_mb"`
	SizeGB      float64    `json:"size_gb"`
	Mode        string     `json:"backup_type"`
	Compression string     `json:"compression"`
	Status      string     `json:"status" enum:"creating,completed,failed,restoring,deleting"`
	Error       *string    `json:"error_message"`
	Note        string     `json:"note"`
	Pinned      bool       `json:"is_pinned"`
	CreatedAt   time.Time  `json:"created_at"`
	UpdatedAt   time.Time  `json:"updated_at"`
	CompletedAt *time.Time `json:"completed_at"`
	Completed   bool       `json:"is_completed"`
	InProgress  bool       `json:"is_in_progress"`
	Job         *uint64    `json:"job_id" doc:"the last job on it"`
}

// inUnits is a size in units of so many bytes, with two decimals.
func inUnits(bytes, unit int64) float64 { return math.Round(100*float64(bytes)/float64(unit)) / 100 }

func backupOf(v core.BackupView) backupBody {
	b := backupBody{ID: v.ID, App: v.AppID, File: v.File, Storage: v.Storage, Size: some(v.Size), SizeMB: inUnits(v.Size, 1<<20), SizeGB: inUnits(v.Size, 1<<30), Mode: v.Mode, Compression: v.Compress,
		Status: string(v.Status), Error: some(v.Error), Note: v.Note, Pinned: v.Pinned, CreatedAt: stamp(v.CreatedAt), UpdatedAt: stamp(v.UpdatedAt), Completed: v.Status == core.BackupCompleted, Job: some(v.JobID)}
	b.InProgress = slices.Contains([]core.BackupStatus{core.BackupCreating, core.BackupRestoring, core.BackupDeleting}, v.Status)
	if !v.CompletedAt.IsZero() {
		b.CompletedAt = some(stamp(v.CompletedAt))
	}
	return b
}

type backupList struct {
	Backups []backupBody `json:"backups" nullable:"false"`
	Total   int          `json:"total"`
}

func (s *Server) backups(ctx context.Context, a core.Actor, in *AppPath) (*struct{ Body backupList }, error) {
	found, err := s.core.Backups(ctx, a, in.App)
	if err != nil {
		return nil, err
	}
	l := backupList{Backups: []backupBody{}, Total: len(found)}
	for _, v := range found {
		l.Backups = append(l.Backups, backupOf(v))
	}
	slices.SortStableFunc(l.Backups, func(a, b backupBody) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return &struct{ Body backupList }{l}, nil
}

// BackupPath is a backup in the path.
type BackupPath struct {
	AppPath
	Backup uint64 `path:"backup_id"`
}

// backupAt finds a backup of an app, both of which the actor may see.
func (s *Server) backupAt(ctx context.Context, a core.Actor, at BackupPath) (core.AppView, core.BackupView, error) {
	app, err := s.core.App(ctx, a, at.App)
	if err != nil {
		return app, core.BackupView{}, err
	}
	v, err := s.core.Backup(ctx, a, at.Backup)
	if err == nil && v.AppID != app.ID {
		err = fail(http.StatusNotFound, "Not Found")
	}
	return app, v, err
}

func (s *Server) backup(ctx context.Context, a core.Actor, in *BackupPath) (*struct{ Body backupBody }, error) {
	_, v, err := s.backupAt(ctx, a, *in)
	if err != nil {
		return nil, err
	}
	return &struct{ Body backupBody }{backupOf(v)}, nil
}

func (s *Server) backupStats(ctx context.Context, a core.Actor, in *AppPath) (*struct{ Body core.BackupStats }, error) {
	stats, err := s.core.BackupStats(ctx, a, in.App)
	if err != nil {
		return nil, err
	}
	return &struct{ Body core.BackupStats }{stats}, nil
}

// newBackup asks for a backup; nothing in it must be given.
type newBackup struct {
	Mode        string `json:"backup_type,omitempty" enum:"snapshot,suspend,stop" default:"snapshot"`
	Compression string `json:"compression,omitempty" enum:"zstd,gzip,lzo" default:"zstd"`
	Storage     string `json:"storage,omitempty" maxLength:"100" doc:"absent: the one with most room"`
	Note        string `json:"note,omitempty" maxLength:"200"`
}

// backupBegun says that a backup is being made.
type backupBegun struct {
	ID      uint64 `json:"id"`
	Status  string `json:"status"`
	Message string `json:"message"`
}

func (s *Server) backUp(ctx context.Context, a core.Actor, in *struct {
	AppPath
	Body *newBackup
}) (*started[backupBegun], error) {
	app, err := s.core.App(ctx, a, in.App)
	if err != nil {
		return nil, err
	}
	if app.Status == core.StatusRemoving || app.Status == core.StatusError {
		return nil, fail(http.StatusBadRequest, app.Hostname+" is "+statusWord(app.Status)+": it cannot be backed up")
	}
	b := given(in.Body)
	v, j, err := s.core.BackupApp(ctx, a, app.ID, core.BackupRequest{Mode: b.Mode, Compress: b.Compression, Storage: b.Storage, Note: b.Note})
	if err != nil {
		return nil, err
	}
	return begun(http.StatusAccepted, j, backupBegun{v.ID, string(v.Status), "Backup creation started for " + app.Hostname}), nil
}

// newRestore says how to restore; nothing in it must be given.
type newRestore struct {
	As       string `json:"as,omitempty" maxLength:"63" doc:"hostname of a new app; absent: over its own"`
	NoSafety bool   `json:"no_safety,omitempty" doc:"make no backup of what is there now"`
}

// restoreBegun says that a backup is being restored.
type restoreBegun struct {
	Backup  uint64 `json:"backup_id"`
	App     string `json:"application_id"`
	Status  string `json:"status"`
	Message string `json:"message"`
}

func (s *Server) restore(ctx context.Context, a core.Actor, in *struct {
	BackupPath
	Body *newRestore
}) (*started[restoreBegun], error) {
	app, v, err := s.backupAt(ctx, a, in.BackupPath)
	if err != nil {
		return nil, err
	}
	if v.Status != core.BackupCompleted {
		return nil, fail(http.StatusBadRequest, "The backup is "+string(v.Status)+": only a completed one can be restored")
	}
	b := given(in.Body)
	onto, j, err := s.core.RestoreBackup(ctx, a, v.ID, core.RestoreRequest{As: b.As, NoSafety: b.NoSafety})
	if err != nil {
		return nil, err
	}
	return begun(http.StatusAccepted, j, restoreBegun{v.ID, onto.ID, string(core.BackupRestoring), "Restore of " + app.Hostname + " started"}), nil
}

// backupGone says that a backup is being deleted.
type backupGone struct {
	Backup  uint64 `json:"backup_id"`
	Status  string `json:"status"`
	Message string `json:"message"`
}

func (s *Server) deleteBackup(ctx context.Context, a core.Actor, in *BackupPath) (*started[backupGone], error) {
	app, v, err := s.backupAt(ctx, a, *in)
	if err != nil {
		return nil, err
	}
	j, err := s.core.DeleteBackup(ctx, a, v.ID)
	if err != nil {
		return nil, err
	}
	return begun(http.StatusAccepted, j, backupGone{v.ID, string(core.BackupDeleting), "Deletion of a backup of " + app.Hostname + " started"}), nil
}
