package schema

import (
	"fmt"
	"slices"
	"strings"
)

// Privileges are those of Proxmox VE 9.
// Proxmox: PVE/AccessControl.pm; 9.0 dropped VM.Monitor and added VM.GuestAgent.* and VM.Replicate.
var Privileges = strings.Fields(`
Datastore.Allocate Datastore.AllocateSpace Datastore.AllocateTemplate Datastore.Audit
Group.Allocate Mapping.Audit Mapping.Modify Mapping.Use Permissions.Modify Pool.Allocate Pool.Audit
Realm.Allocate Realm.AllocateUser SDN.Allocate SDN.Audit SDN.Use
Sys.AccessNetwork Sys.Audit Sys.Console Sys.Incoming Sys.Modify Sys.PowerMgmt Sys.Syslog User.Modify
VM.Allocate VM.Audit VM.Backup VM.Clone VM.Config.CDROM VM.Config.CPU VM.Config.Cloudinit VM.Config.Disk VM.Config.HWType
VM.Config.Memory VM.Config.Network VM.Config.Options VM.Console
VM.GuestAgent.Audit VM.GuestAgent.FileRead VM.GuestAgent.FileSystemMgmt VM.GuestAgent.FileWrite VM.GuestAgent.Unrestricted
VM.Migrate VM.PowerMgmt VM.Replicate VM.Snapshot VM.Snapshot.Rollback`)

func checkPrivilege(s string) error {
	if !slices.Contains(Privileges, s) {
		return fmt.Errorf("invalid privilege '%s'\n", s)
	}
	return nil
}
