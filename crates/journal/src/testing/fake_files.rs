//! A disk in memory that keeps its promises and nothing more: what was not synced may be gone
//! after a crash, in part, in any order; a failed sync loses what it was to save; space can end.

use std::{
    collections::{BTreeMap, HashMap},
    io::{self, ErrorKind},
    sync::Arc,
};

use parking_lot::Mutex;

use crate::files::{File, Files};

/// What a disk writes at once.
const SECTOR: usize = 512;

#[derive(Clone, Default)]
pub(super) struct FakeDisk(Arc<Mutex<Disk>>);

#[derive(Default)]
struct Disk {
    /// Goes up with each crash; handles of before are dead.
    life: u64,
    inodes: HashMap<u64, Inode>,
    next_inode: u64,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    /// The folder after each change since it was last synced: a crash may leave any of these.
    unsynced_names: Vec<BTreeMap<String, u64>>,
    failing_syncs: u32,
    full: bool,
}

#[derive(Default, Clone)]
struct Inode {
    /// As programs see it.
    live: Vec<u8>,
    /// As the platter has it.
    durable: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
}

/// A small generator of our own, so that a crash needs nothing but a number.
pub(super) struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

fn put(bytes: &mut Vec<u8>, offset: usize, data: &[u8]) {
    if bytes.len() < offset + data.len() {
        bytes.resize(offset + data.len(), 0);
    }
    bytes[offset..offset + data.len()].copy_from_slice(data);
}

impl FakeDisk {
    /// The power goes. All handles are dead from now on.
    pub fn crash(&self, seed: u64) {
        let mut dice = Dice(seed | 1);
        let mut disk = self.0.lock();
        disk.life += 1;
        disk.full = false;
        disk.failing_syncs = 0;
        let mut states = std::mem::take(&mut disk.unsynced_names);
        states.insert(0, disk.durable_names.clone());
        let at = dice.roll(states.len() as u64) as usize;
        disk.names = states.swap_remove(at);
        disk.durable_names = disk.names.clone();
        for inode in disk.inodes.values_mut() {
            let mood = dice.roll(3);
            for (offset, data) in std::mem::take(&mut inode.unsynced) {
                for (n, sector) in data.chunks(SECTOR).enumerate() {
                    let kept = match mood {
                        0 => false,
                        1 => true,
                        _ => dice.roll(2) == 0,
                    };
                    if kept {
                        put(&mut inode.durable, offset + n * SECTOR, sector);
                    }
                }
            }
            inode.live = inode.durable.clone();
        }
    }

    /// A copy as it stands, synced or not: what is left when only the program dies.
    pub fn copy(&self) -> FakeDisk {
        let disk = self.0.lock();
        let mut copy =
            Disk { names: disk.names.clone(), durable_names: disk.names.clone(), ..Disk::default() };
        copy.next_inode = disk.next_inode;
        for (number, inode) in &disk.inodes {
            let both = Inode { live: inode.live.clone(), durable: inode.live.clone(), unsynced: Vec::new() };
            copy.inodes.insert(*number, both);
        }
        FakeDisk(Arc::new(Mutex::new(copy)))
    }

    pub fn fail_syncs(&self, count: u32) {
        self.0.lock().failing_syncs = count;
    }

    pub fn set_full(&self, full: bool) {
        self.0.lock().full = full;
    }

    /// Files with their contents.
    pub fn contents(&self) -> Vec<(String, Vec<u8>)> {
        let disk = self.0.lock();
        disk.names.iter().map(|(name, inode)| (name.clone(), disk.inodes[inode].live.clone())).collect()
    }

    /// Changes a byte behind everybody's back.
    pub fn flip(&self, name: &str, at: usize) {
        let mut disk = self.0.lock();
        let inode = disk.names[name];
        let inode = disk.inodes.get_mut(&inode).unwrap();
        inode.live[at] ^= 0x40;
        inode.durable[at] ^= 0x40;
    }

    /// A file with this content, as it would be found after a long time.
    pub fn put(&self, name: &str, content: Vec<u8>) {
        let mut disk = self.0.lock();
        let inode = disk.next_inode;
        disk.next_inode += 1;
        disk.inodes.insert(inode, Inode { live: content.clone(), durable: content, unsynced: Vec::new() });
        disk.names.insert(name.to_owned(), inode);
        disk.durable_names.insert(name.to_owned(), inode);
    }

    pub fn len(&self, name: &str) -> usize {
        let disk = self.0.lock();
        disk.names.get(name).map_or(0, |inode| disk.inodes[inode].live.len())
    }

    pub fn erase(&self, name: &str) {
        let mut disk = self.0.lock();
        disk.names.remove(name);
        disk.durable_names.remove(name);
    }

    pub fn files(&self) -> Arc<dyn Files> {
        Arc::new(FakeFiles { disk: self.clone(), life: self.0.lock().life })
    }
}

struct FakeFiles {
    disk: FakeDisk,
    life: u64,
}

fn alive<'a>(disk: &'a FakeDisk, life: u64) -> io::Result<parking_lot::MutexGuard<'a, Disk>> {
    let disk = disk.0.lock();
    if disk.life == life { Ok(disk) } else { Err(io::Error::other("the power went")) }
}

impl FakeFiles {
    fn change(&self, change: impl FnOnce(&mut Disk) -> io::Result<()>) -> io::Result<()> {
        let mut disk = alive(&self.disk, self.life)?;
        change(&mut disk)?;
        let names = disk.names.clone();
        disk.unsynced_names.push(names);
        Ok(())
    }

    fn handle(&self, inode: u64) -> Arc<dyn File> {
        Arc::new(FakeFile { disk: self.disk.clone(), life: self.life, inode })
    }
}

impl Files for FakeFiles {
    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let mut made = 0;
        self.change(|disk| {
            if disk.full {
                return Err(ErrorKind::StorageFull.into());
            }
            made = disk.next_inode;
            disk.next_inode += 1;
            disk.inodes.insert(made, Inode::default());
            disk.names.insert(name.to_owned(), made);
            Ok(())
        })?;
        Ok(self.handle(made))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let disk = alive(&self.disk, self.life)?;
        let inode = *disk.names.get(name).ok_or(ErrorKind::NotFound)?;
        Ok(self.handle(inode))
    }

    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let disk = alive(&self.disk, self.life)?;
        Ok(disk
            .names
            .iter()
            .map(|(name, inode)| (name.clone(), disk.inodes[inode].live.len() as u64))
            .collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.change(|disk| {
            let inode = disk.names.remove(from).ok_or(ErrorKind::NotFound)?;
            disk.names.insert(to.to_owned(), inode);
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.change(|disk| disk.names.remove(name).map(|_| ()).ok_or(ErrorKind::NotFound.into()))
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut disk = alive(&self.disk, self.life)?;
        disk.durable_names = disk.names.clone();
        disk.unsynced_names.clear();
        Ok(())
    }

    fn space(&self) -> io::Result<(u64, u64)> {
        Ok((1 << 40, 1 << 40))
    }
}

struct FakeFile {
    disk: FakeDisk,
    life: u64,
    inode: u64,
}

impl FakeFile {
    fn with<T>(&self, act: impl FnOnce(&mut Inode, bool) -> io::Result<T>) -> io::Result<T> {
        let mut disk = alive(&self.disk, self.life)?;
        let full = disk.full;
        act(disk.inodes.get_mut(&self.inode).unwrap(), full)
    }
}

impl File for FakeFile {
    fn write_at(&self, data: &[u8], offset: u64) -> io::Result<()> {
        self.with(|inode, full| {
            if full && inode.live.len() < offset as usize + data.len() {
                return Err(ErrorKind::StorageFull.into());
            }
            put(&mut inode.live, offset as usize, data);
            inode.unsynced.push((offset as usize, data.to_vec()));
            Ok(())
        })
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.with(|inode, _| {
            let rest = inode.live.get(offset as usize..).unwrap_or_default();
            let len = rest.len().min(buf.len());
            buf[..len].copy_from_slice(&rest[..len]);
            Ok(len)
        })
    }

    fn sync(&self) -> io::Result<()> {
        let failing = {
            let mut disk = alive(&self.disk, self.life)?;
            let failing = disk.failing_syncs > 0;
            disk.failing_syncs = disk.failing_syncs.saturating_sub(1);
            failing
        };
        self.with(|inode, _| {
            // After a failure the pages count as clean: no later sync will save them.
            let unsynced = std::mem::take(&mut inode.unsynced);
            if failing {
                return Err(io::Error::other("a bad sector"));
            }
            for (offset, data) in unsynced {
                put(&mut inode.durable, offset, &data);
            }
            Ok(())
        })
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.with(|inode, full| {
            if full {
                return Err(ErrorKind::StorageFull.into());
            }
            let len = (len as usize).max(inode.live.len());
            inode.live.resize(len, 0);
            inode.durable.resize(len.max(inode.durable.len()), 0);
            Ok(())
        })
    }

    fn len(&self) -> io::Result<u64> {
        self.with(|inode, _| Ok(inode.live.len() as u64))
    }
}
