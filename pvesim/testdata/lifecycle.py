"""Log in by ticket and by token, then create, start, stop and delete a container, with python3-proxmoxer.

Arguments: host:port, password, token id, token secret, template volid. Prints "ok" at the end.
"""
import sys
import time

import urllib3
from proxmoxer import ProxmoxAPI

urllib3.disable_warnings()
address, password, token_id, secret, template = sys.argv[1:6]
host, port = address.split(":")
user, token_name = token_id.split("!")


def wait(api, upid, want="OK"):
    for _ in range(2000):
        status = api.nodes("pve1").tasks(upid).status.get()
        if status["status"] == "stopped":
            assert status["exitstatus"] == want, status
            return
        time.sleep(0.01)
    raise SystemExit("task %s does not end" % upid)


def lifecycle(api, vmid):
    assert api.version.get()["release"] == "9.2"
    node = api.nodes("pve1")
    assert str(vmid) == str(api.cluster.nextid.get(vmid=vmid))
    wait(api, node.lxc.create(vmid=vmid, ostemplate=template, hostname="box", rootfs="local-lvm:4", memory=256,
                              net0="name=eth0,bridge=vmbr0,ip=dhcp", unprivileged=1, features="nesting=1"))
    guest = node.lxc(vmid)
    assert guest.config.get()["hostname"] == "box"
    guest.config.put(memory=512, description="by proxmoxer")
    wait(api, guest.status.start.post())
    assert guest.status.current.get()["status"] == "running"
    assert [g["vmid"] for g in api.cluster.resources.get(type="vm")] == [vmid]
    wait(api, guest.status.stop.post())
    wait(api, guest.delete(purge=1))
    assert node.lxc.get() == []


lifecycle(ProxmoxAPI(host, port=int(port), user=user, password=password, verify_ssl=False), 100)
lifecycle(ProxmoxAPI(host, port=int(port), user=user, token_name=token_name, token_value=secret, verify_ssl=False), 101)
try:
    ProxmoxAPI(host, port=int(port), user=user, password="wrong", verify_ssl=False).version.get()
except Exception as e:
    assert "authenticate" in str(e).lower() or "401" in str(e), e
else:
    raise SystemExit("a wrong password was taken")
print("ok")
