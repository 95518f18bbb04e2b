//! Several devices of one person.

use harness::world::{World, text};

use super::{messages, received, row, send, two};

#[tokio::test]
async fn all_devices_of_a_person_see_what_comes_and_what_they_say() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    let phone = world.device("ann").await;
    phone.sync().await;
    send(bob, "ann", "hello, Ann").await;
    bob.sync().await;
    for device in [ann, &phone] {
        device.sync().await;
        assert_eq!(received(device).await, ["hello, Ann"]);
    }
    send(&phone, "bob", "from the phone").await;
    phone.sync().await;
    ann.sync().await;
    bob.sync().await;
    assert_eq!(messages(ann).await, ["hello, Ann", "from the phone"]);
    assert_eq!(row(ann, "from the phone").await["mine"], true);
    assert_eq!(received(bob).await, ["from the phone"]);
}

#[tokio::test]
async fn what_is_read_on_one_device_is_read_on_the_other() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    let phone = world.device("ann").await;
    phone.sync().await;
    send(bob, "ann", "read me").await;
    bob.sync().await;
    ann.sync().await;
    phone.sync().await;
    let id = text(&row(ann, "read me").await, "id");
    ann.home.run(&["inbox", "--mark-read", "--json"]).await.done();
    assert_eq!(row(ann, "read me").await["read"], true, "{id}");
    ann.sync().await;
    phone.sync().await;
    assert_eq!(row(&phone, "read me").await["read"], true);
}

#[tokio::test]
async fn a_revoked_device_is_told_and_loses_nothing() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    let phone = world.device("ann").await;
    phone.sync().await;
    send(&phone, "bob", "too late").await;
    let devices = ann.home.json(&["devices"]).await;
    let other = devices.iter().find(|row| row["current"] == false).unwrap();
    let id = other["id"].as_u64().map_or_else(|| text(other, "id"), |id| id.to_string());
    ann.home.run(&["devices", "revoke", &id]).await.done();
    let refused = phone.home.run(&["sync", "--json"]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert_eq!(refused.one()["outcome"], "refused");
    assert!(text(&refused.one(), "words").contains("mailboat login"), "the remedy: {refused:?}");
    assert!(super::waiting(&phone, "too late").await.is_some());
    bob.sync().await;
    assert_eq!(received(bob).await, Vec::<String>::new());
}
