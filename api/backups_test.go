package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestBackups(t *testing.T) {
	r := rigged(t)
	c, path := r.owner, "/api/apps/"+r.app.ID+"/backups"
	c.get(t, path).is(200, `{"backups":[],"total":0}`)
	p := c.post(t, path, nil).is(202, `"status":"creating"`, `"message":"Backup creation started for olgas"`) // no body at all
	one := fmt.Sprintf("%s/%v", path, p.at("id"))
	c.post(t, path+"/", map[string]string{"backup_type": "stop"}).is(409, "busy", `"kind":"backup"`)
	c.post(t, one+"/restore", nil).is(400, "only a completed one can be restored")
	c.send(t, "DELETE", one, nil).is(409, "being made")
	c.job(t, p).is(200, `"state":"succeeded"`)

	b := c.get(t, one+"/").is(200, `"status":"completed"`, `"is_completed":true`, `"is_in_progress":false`, `"backup_type":"snapshot"`, `"compression":"zstd"`, `"error_message":null`)
	for _, want := range strings.Fields("id application_id file_name storage_name size size_mb size_gb backup_type compression status error_message created_at updated_at completed_at is_completed is_in_progress") {
		if !slices.Contains(b.keys(), want) {
			t.Errorf("a backup has no %s", want)
		}
	}
	if b.at("application_id") != r.app.ID || b.at("file_name") == "" || b.at("size").(float64) <= 0 || b.at("completed_at") == nil {
		t.Errorf("the backup is %s", b.body)
	}
	second := c.post(t, path, map[string]string{"backup_type": "stop", "compression": "gzip"}).is(202)
	c.job(t, second).is(200, `"state":"succeeded"`)
	list := c.get(t, path).is(200, `"total":2`)
	if list.at("backups", 0, "id") != second.at("id") || list.at("backups", 0, "compression") != "gzip" {
		t.Errorf("the newest is not first: %s", list.body)
	}
	if s := c.get(t, path+"/stats/").is(200); s.at("total_backups") != 2.0 || s.at("completed_backups") != 2.0 || s.at("failed_backups") != 0.0 || s.at("in_progress_backups") != 0.0 || s.at("average_size_mb") == nil || s.at("total_size_gb") == nil {
		t.Errorf("stats: %s", s.body)
	}
	for _, body := range []any{map[string]string{"backup_type": "copy"}, map[string]string{"compression": "zip"}, map[string]any{"backup_type": 7}} {
		c.post(t, path, body).is(422, `"loc":["body","payload",`)
	}
	c.post(t, path, "{").is(400)
	c.post(t, path, map[string]string{"storage": "no-such"}).is(422, `"loc":["body","payload","storage"]`)
	c.post(t, one+"/restore", map[string]string{"as": "No Name"}).is(422, `"loc":["body","payload","as"]`)

	c.job(t, c.post(t, one+"/restore/", nil).is(202, `"status":"restoring"`, `"application_id":"`+r.app.ID+`"`)).is(200, `"state":"succeeded"`)
	c.get(t, "/api/apps/"+r.app.ID).is(200, `"status":"running"`)

	r.other.get(t, path).is(404)
	r.other.get(t, one).is(404)
	r.other.post(t, one+"/restore", nil).is(404)
	r.other.send(t, "DELETE", one, nil).is(404)
	r.viewer.get(t, one).is(200)
	r.viewer.send(t, "DELETE", one, nil).is(403)
	c.get(t, path+"/x").is(422, `"loc":["path","backup_id"]`)
	r.admin.get(t, "/api/apps/adminer-00000000/backups").is(404)

	c.job(t, c.send(t, "DELETE", one, nil).is(202, `"status":"deleting"`)).is(200, `"state":"succeeded"`)
	c.get(t, one).is(404)
	c.send(t, "DELETE", one, nil).is(404)
}
